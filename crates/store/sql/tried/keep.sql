update tried set failures = $2, until = $3 where code = $1 and failures = $4 and until = $5
