"""What people see of positions, counts and running scans."""
