"""Data, tensor, pipeline, context and expert parallelism with sharded states on GPUs."""
