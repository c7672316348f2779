update documents
set outcome = $2, service = $3, confidence = $4, decided = $5, also = $6, copies = $7, to_tell = $8
where id = $1
