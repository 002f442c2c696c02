"""Adapters of the EchoCanceller port: they take the loudspeaker out of the microphone."""
