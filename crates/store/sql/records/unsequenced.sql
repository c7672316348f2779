select ord, bytes from records where leaf_index is null order by ord limit $1
