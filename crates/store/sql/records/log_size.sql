select coalesce(max(leaf_index) + 1, 0) as size from records
