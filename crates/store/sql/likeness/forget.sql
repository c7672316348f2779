delete from likeness where document = $1
