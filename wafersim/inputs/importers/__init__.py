"""Models written for other programs: config.json of Hugging Face, params.yaml of Cerebras Model Zoo."""
