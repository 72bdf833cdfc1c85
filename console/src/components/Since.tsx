/** A moment and how long ago it was, ticking. */
import { useSince } from '../hooks/useNow'
import { age, moment } from '../lib/time'

export function Since({ time }: { time: string }) {
  const ms = useSince(time)
  return (
    <time dateTime={time}>
      {moment(time)} ({age(ms)})
    </time>
  )
}

export function Ago({ time }: { time: string | undefined }) {
  return time === undefined ? <>never</> : <Ticking time={time} />
}

function Ticking({ time }: { time: string }) {
  const ms = useSince(time)
  return <time dateTime={time}>{ms < 2_000 ? 'just now' : `${age(ms)} ago`}</time>
}
