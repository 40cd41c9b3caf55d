"""What the documentation's site has besides `docs/`: pages made of schemas, commands, docstrings and experiments."""
