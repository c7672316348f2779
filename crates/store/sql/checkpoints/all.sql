select size, note from checkpoints order by size
