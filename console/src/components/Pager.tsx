/** One page back, one forward, and which of how many are shown; nothing where all fit. */
import { count } from '../lib/numbers'
import { Button } from '../ui/Button'

interface Props {
  label: string
  /** from 0 */
  page: number
  size: number
  total: number
  onPage: (page: number) => void
}

export function Pager({ label, page, size, total, onPage }: Props) {
  if (total <= size && page === 0) return null
  const last = Math.max(0, Math.ceil(total / size) - 1)
  return (
    <nav className="pager" aria-label={label}>
      <Button icon="left" onClick={() => onPage(page - 1)} whyNot={page === 0 ? 'This is the first page.' : undefined}>
        Previous
      </Button>
      <span className="small">
        {count(Math.min(total, page * size + 1))} to {count(Math.min(total, (page + 1) * size))} of {count(total)}
      </span>
      <Button icon="right" onClick={() => onPage(page + 1)} whyNot={page >= last ? 'This is the last page.' : undefined}>
        Next
      </Button>
    </nav>
  )
}
