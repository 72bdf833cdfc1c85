/** A sentence of the edge, with what it puts in backticks shown as code. */
export function Prose({ text }: { text: string }) {
  const parts = text.split('`')
  // An odd backtick belongs to the sentence.
  if (parts.length % 2 === 0) return <>{text}</>
  let at = 0
  return (
    <>
      {parts.map((part, index) => {
        at += part.length + 1
        return index % 2 === 0 ? <span key={at}>{part}</span> : <code key={at}>{part}</code>
      })}
    </>
  )
}
