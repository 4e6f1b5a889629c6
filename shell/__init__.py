"""What people face: the program ronda, the prompt, the displays."""
