"""Ways to choose the points of a scan by what was measured: aligning, optimising, focusing, refining a mesh."""
