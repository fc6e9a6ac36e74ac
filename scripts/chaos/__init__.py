"""`make chaos`: the real service as processes, a storm of pull requests, and everything that can break, breaking."""
