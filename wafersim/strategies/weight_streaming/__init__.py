"""Weight streaming: weights stream from MemoryX, activations stay, gradients are reduced on their way back."""
