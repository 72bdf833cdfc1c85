/** A sentence of the edge, with what it puts in backticks shown as code. */
export function Prose({ text }: { text: string }) {
  return pieces(text).map((piece) =>
    piece.code ? <code key={piece.at}>{piece.text}</code> : <span key={piece.at}>{piece.text}</span>,
  )
}

interface Piece {
  at: number
  text: string
  code: boolean
}

function pieces(text: string): Piece[] {
  const parts = text.split('`')
  // An odd backtick belongs to the sentence.
  if (parts.length % 2 === 0) return [{ at: 0, text, code: false }]
  let at = 0
  return parts.map((part, index) => {
    const piece = { at, text: part, code: index % 2 === 1 }
    at += part.length + 1
    return piece
  })
}
