"""The conductors: load, ask a pure room, commit. They decide nothing themselves."""
