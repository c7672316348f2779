select wrapped from envelopes where subject = $1
