select json from settings where digest = $1
