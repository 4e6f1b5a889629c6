"""What a controller of Physik Instrumente is made of: its command language GCS 2, and its axes."""
