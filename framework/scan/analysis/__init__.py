"""What a scan found: its data by channel, where its peak is, fits, and going there."""
