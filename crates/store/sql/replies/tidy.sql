delete from replies where at <= $1
