"""Redis or Valkey: the stored data, its keys, and the scripts that change it atomically."""
