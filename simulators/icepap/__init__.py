"""What an IcePAP is made of: its command lines, its racks, its driver boards."""
