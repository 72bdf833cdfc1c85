/** Times and durations as people in a plant read them. */

const units: [string, number][] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
]

/** `850 ms`, `4.2 s`, `3 min 5 s`, `2 h 10 min`, `5 d 3 h`: never more than two parts. */
export function duration(ms: number): string {
  if (!Number.isFinite(ms) || ms < 0) return '–'
  if (ms > 0 && ms < 0.05) return '< 0.1 ms'
  if (ms > 0 && ms < 10) return `${Number(ms.toFixed(1))} ms`
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 10_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`
  for (const [index, [name, size]] of units.entries()) {
    if (ms < size) continue
    const whole = Math.floor(ms / size)
    const next = units[index + 1]
    if (next === undefined) return `${whole} ${name}`
    const rest = Math.floor((ms % size) / next[1])
    return rest === 0 ? `${whole} ${name}` : `${whole} ${name} ${rest} ${next[0]}`
  }
  return '0 s'
}

/** An age that ticks once a second: whole seconds, so that a column of them stays calm. */
export function age(ms: number | null): string {
  if (ms === null) return 'never'
  if (ms < 1_000) return '< 1 s'
  return ms < 60_000 ? `${Math.floor(ms / 1_000)} s` : duration(ms)
}

/** A setting such as an interval, without loss: `250 ms`, `1 s`, `1.5 s`, `5 min`. */
export function interval(ms: number): string {
  if (ms < 1_000) return `${ms} ms`
  if (ms % 3_600_000 === 0) return `${ms / 3_600_000} h`
  if (ms % 60_000 === 0) return `${ms / 60_000} min`
  return `${ms / 1_000} s`
}

export function clock(time: string | number): string {
  return new Date(time).toLocaleTimeString('en-GB', { hour12: false })
}

export function clockMs(time: string | number): string {
  const date = new Date(time)
  return `${date.toLocaleTimeString('en-GB', { hour12: false })}.${String(date.getMilliseconds()).padStart(3, '0')}`
}

/** Today as a time of day, else with the date; always in the reader's own zone. */
export function moment(time: string, now = Date.now()): string {
  const date = new Date(time)
  if (date.toDateString() === new Date(now).toDateString()) return clock(time)
  const day = date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric' })
  return `${day}, ${date.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit', hour12: false })}`
}

/** Always with the day, to the millisecond, in the reader's own zone: for times that are compared. */
export function momentMs(time: string | number): string {
  return `${new Date(time).toLocaleDateString('en-GB', { day: 'numeric', month: 'short' })} ${clockMs(time)}`
}

const two = (value: number) => String(value).padStart(2, '0')

/** As the browser's own field of a day and a time takes it. */
export function localTime(time: number): string {
  const date = new Date(time)
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}T${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}
