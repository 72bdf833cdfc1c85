/** Which dead letters are meant: some, or all of a sink; and what that asks of the edge. */
import type { DeadLetter, DeadLetterChoice } from '../api/ledger'

/** `all`: of one sink, also those on other pages. */
export type Chosen = { all: true; sink: string; letters: number } | { all: false; letters: DeadLetter[] }

export const none: Chosen = { all: false, letters: [] }

export const howMany = (chosen: Chosen): number => (chosen.all ? chosen.letters : chosen.letters.length)

export const isChosen = (chosen: Chosen, letter: DeadLetter): boolean => (chosen.all ? letter.sink === chosen.sink : chosen.letters.some((each) => each.id === letter.id && each.sink === letter.sink))

/** Turns one over. Out of all, those on this page stay chosen. */
export function turned(chosen: Chosen, letter: DeadLetter, shown: DeadLetter[]): Chosen {
  const now = chosen.all ? shown.filter((each) => each.sink === chosen.sink) : chosen.letters
  const without = now.filter((each) => each.id !== letter.id || each.sink !== letter.sink)
  return { all: false, letters: without.length < now.length ? without : [...now, letter] }
}

/** All of this page, or none of it. */
export function pageTurned(chosen: Chosen, shown: DeadLetter[]): Chosen {
  if (shown.every((each) => isChosen(chosen, each))) {
    return chosen.all ? none : { all: false, letters: chosen.letters.filter((each) => !shown.some((one) => one.id === each.id && one.sink === each.sink)) }
  }
  const before = chosen.all ? [] : chosen.letters
  return { all: false, letters: [...before, ...shown.filter((each) => !isChosen(chosen, each))] }
}

/** A request for each sink; `only` leaves out those that cannot be meant. */
export function choicesOf(chosen: Chosen, only: (letter: DeadLetter) => boolean = () => true): DeadLetterChoice[] {
  if (chosen.all) return [{ sink: chosen.sink }]
  const wanted = chosen.letters.filter(only)
  return [...new Set(wanted.map(({ sink }) => sink))].map((sink) => ({ sink, ids: wanted.filter((each) => each.sink === sink).map(({ id }) => id) }))
}
