-- Whoever deletes the row finishes the task; whoever finds none is late.
delete from tasks where document = $1 and stage = $2 and generation = $3
