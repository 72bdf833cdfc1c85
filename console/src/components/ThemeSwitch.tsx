/** Light, dark, or as the system says. */
import { useTheme, type Theme } from '../hooks/useTheme'
import { Icon } from '../ui/Icon'

const next: Record<Theme, Theme> = { system: 'light', light: 'dark', dark: 'system' }
const names: Record<Theme, string> = { system: 'as the system', light: 'light', dark: 'dark' }

export function ThemeSwitch({ compact }: { compact?: boolean }) {
  const [theme, choose] = useTheme()
  if (compact === true) {
    const label = `Theme: ${names[theme]}. Change to ${names[next[theme]]}`
    return (
      <button
        type="button"
        className="button quiet icon-only theme-compact"
        aria-label={label}
        title={label}
        onClick={() => choose(next[theme])}
      >
        <Icon name="theme" />
      </button>
    )
  }
  return (
    <fieldset className="segments">
      <legend>Theme</legend>
      {(['system', 'light', 'dark'] as const).map((each) => (
        <label key={each}>
          <input type="radio" name="theme" checked={theme === each} onChange={() => choose(each)} />
          <span>{each === 'system' ? 'System' : names[each].replace(/^./, (letter) => letter.toUpperCase())}</span>
        </label>
      ))}
    </fieldset>
  )
}
