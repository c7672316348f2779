select leaves from positions where follower = $1
