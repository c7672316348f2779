update tasks set attempts = attempts + 1
where document = $1 and stage = $2 and generation = $3
returning attempts
