/** Hands a text or a file to the browser. */
export function download(name: string, content: string | Blob, type = 'text/yaml') {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(typeof content === 'string' ? new Blob([content], { type }) : content)
  link.download = name
  link.click()
  URL.revokeObjectURL(link.href)
}

/** Has the browser fetch a file of the edge by itself: it may be larger than what a page can hold. */
export function fetchFile(address: string) {
  const link = document.createElement('a')
  link.href = address
  link.download = ''
  link.click()
}
