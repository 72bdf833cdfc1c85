/** A line-by-line difference of two texts, with a little of what stays the same around it. */

export interface Line {
  kind: 'same' | 'added' | 'removed' | 'skipped'
  text: string
  before?: number
  after?: number
}

/** Beyond this the middle is shown as replaced as a whole, which is right though not short. */
const cellsMax = 4_000_000

export function lineDiff(before: string, after: string, context = 3): Line[] {
  return fold(compare(before.split('\n'), after.split('\n')), context)
}

function compare(a: string[], b: string[]): Line[] {
  let head = 0
  while (head < a.length && head < b.length && a[head] === b[head]) head++
  let tail = 0
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++
  const lines: Line[] = []
  let [i, j] = [0, 0]
  const same = () => lines.push({ kind: 'same', text: a[i] ?? '', before: ++i, after: ++j })
  const removed = () => lines.push({ kind: 'removed', text: a[i] ?? '', before: ++i })
  const added = () => lines.push({ kind: 'added', text: b[j] ?? '', after: ++j })
  while (i < head) same()
  const [n, m] = [a.length - head - tail, b.length - head - tail]
  const lengths = n * m <= cellsMax ? commonLengths(a.slice(head, head + n), b.slice(head, head + m)) : undefined
  while (i < head + n || j < head + m) {
    if (i < head + n && j < head + m && a[i] === b[j]) same()
    else if (j >= head + m) removed()
    else if (i >= head + n) added()
    else if (lengths === undefined) removed()
    else if ((lengths[(i - head + 1) * (m + 1) + j - head] ?? 0) >= (lengths[(i - head) * (m + 1) + j - head + 1] ?? 0)) removed()
    else added()
  }
  while (i < a.length) same()
  return lines
}

/** Length of the longest common subsequence of every pair of tails. */
function commonLengths(a: string[], b: string[]): Uint16Array {
  const width = b.length + 1
  const lengths = new Uint16Array((a.length + 1) * width)
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      lengths[i * width + j] =
        a[i] === b[j]
          ? (lengths[(i + 1) * width + j + 1] ?? 0) + 1
          : Math.max(lengths[(i + 1) * width + j] ?? 0, lengths[i * width + j + 1] ?? 0)
    }
  }
  return lengths
}

function fold(lines: Line[], context: number): Line[] {
  const near = new Uint8Array(lines.length)
  for (const [index, line] of lines.entries()) {
    if (line.kind !== 'same') near.fill(1, Math.max(0, index - context), index + context + 1)
  }
  const folded: Line[] = []
  for (const [index, line] of lines.entries()) {
    if (near[index] === 1) folded.push(line)
    else if (folded.at(-1)?.kind !== 'skipped') folded.push({ kind: 'skipped', text: '' })
  }
  return folded
}
