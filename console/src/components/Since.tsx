/** A moment and how long ago it was, ticking. */
import { useSince } from '../hooks/useNow'
import { duration, moment } from '../lib/time'

export function Since({ time }: { time: string }) {
  const ms = useSince(time)
  return (
    <time dateTime={time}>
      {moment(time)} ({ms < 60_000 ? `${Math.floor(ms / 1000)} s` : duration(ms)})
    </time>
  )
}

export function Ago({ time }: { time: string | undefined }) {
  return time === undefined ? <>never</> : <Ticking time={time} />
}

function Ticking({ time }: { time: string }) {
  const ms = useSince(time)
  return <time dateTime={time}>{ms < 1_500 ? 'now' : `${duration(Math.floor(ms / 1000) * 1000)} ago`}</time>
}
