// What holds on every page: nothing sticks out sideways, every control has a name, every text can be read.

export function sideways(page) {
  return page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
}

/** Controls without an accessible name, as the accessibility tree shows them. */
export async function nameless(page) {
  const tree = await page.getByRole('document').or(page.locator(':root')).first().ariaSnapshot()
  return tree.split('\n').filter((line) => /^\s*- (button|link|textbox|combobox|radio|checkbox|slider|searchbox)(:| \[|$)/.test(line))
}

/** Texts below WCAG AA (4.5:1, or 3:1 when large), with their colours. Disabled controls are exempt. */
export function faintTexts(page) {
  return page.evaluate(() => {
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true })
    const rgba = (colour) => {
      canvas.clearRect(0, 0, 1, 1)
      canvas.fillStyle = colour
      canvas.fillRect(0, 0, 1, 1)
      return [...canvas.getImageData(0, 0, 1, 1).data]
    }
    const over = ([r, g, b, a], [br, bg, bb]) => [r, g, b].map((each, i) => (each * a + [br, bg, bb][i] * (255 - a)) / 255)
    const background = (element) => {
      const layers = []
      for (let at = element; at !== null; at = at.parentElement) layers.unshift(rgba(getComputedStyle(at).backgroundColor))
      return layers.reduce((below, layer) => over(layer, below), [255, 255, 255])
    }
    const luminance = (colour) => {
      const [r, g, b] = colour.map((each) => (each / 255 <= 0.04045 ? each / 255 / 12.92 : ((each / 255 + 0.055) / 1.055) ** 2.4))
      return 0.2126 * r + 0.7152 * g + 0.0722 * b
    }
    const faint = []
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    while (walker.nextNode()) {
      const element = walker.currentNode.parentElement
      if (walker.currentNode.textContent.trim() === '' || element.closest('[aria-disabled=true], svg, .visually-hidden') !== null) continue
      if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue
      const style = getComputedStyle(element)
      const below = background(element)
      const [a, b] = [luminance(over(rgba(style.color), below)), luminance(below)].toSorted((x, y) => y - x)
      const ratio = (a + 0.05) / (b + 0.05)
      const size = parseFloat(style.fontSize)
      const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700)
      if (ratio < (large ? 3 : 4.5)) faint.push(`${ratio.toFixed(2)} "${walker.currentNode.textContent.trim().slice(0, 40)}" ${style.color}`)
    }
    return faint
  })
}
