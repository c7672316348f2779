select code from likeness where document = $1 order by code
