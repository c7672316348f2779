select failures, until from tried where code = $1
