-- A stage proposes: what a person decided stands.
update documents set outcome = $2, service = $3, confidence = $4, decided = $5
where id = $1 and (decided is null or decided = 0)
