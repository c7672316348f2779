select id from documents where content_code = $1 and collection = $2 order by ord limit 1
