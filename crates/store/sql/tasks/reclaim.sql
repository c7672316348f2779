update tasks set published_at = null where published_at < $1
