"""The data types of all packages: frozen models and enums, without I/O or a clock; imports no other package."""
