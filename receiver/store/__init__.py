"""Redis, and nothing but Redis: what is kept, under which keys, and the scripts that change it atomically."""
