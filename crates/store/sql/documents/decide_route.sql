update documents set outcome = $2, service = $3, confidence = $4, decided = $5 where id = $1
