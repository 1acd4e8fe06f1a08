"""The doors: parse, call the pipeline, answer. `routes.build` puts them together."""
