"""HTTP endpoints: parse, call the pipeline, answer. `routes.build` combines them."""
