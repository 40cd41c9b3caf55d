"""Models as layers of ops, with parameters, FLOPs and bytes."""
