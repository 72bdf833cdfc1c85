/** The few pictures of the console, drawn as strokes in the colour of the text. Never alone: a word stands beside. */
const shapes = {
  check: 'M20 12a8 8 0 1 1-16 0 8 8 0 0 1 16 0ZM8.5 12.3l2.4 2.4 4.8-5.2',
  warning: 'M12 4.5 21 19.5H3L12 4.5ZM12 10v4M12 16.6v.4',
  cross: 'M8.3 3.5h7.4l4.8 4.8v7.4l-4.8 4.8H8.3l-4.8-4.8V8.3l4.8-4.8ZM9 9l6 6M15 9l-6 6',
  clock: 'M20 12a8 8 0 1 1-16 0 8 8 0 0 1 16 0ZM12 7.5V12l3 2',
  off: 'M20 12a8 8 0 1 1-16 0 8 8 0 0 1 16 0ZM8 12h8',
  turning: 'M20 12a8 8 0 1 1-3-6.2M20 4v4h-4',
  info: 'M20 12a8 8 0 1 1-16 0 8 8 0 0 1 16 0ZM12 11.2V16M12 8v.3',
  close: 'M6 6l12 12M18 6 6 18',
  search: 'M16 10.5a5.5 5.5 0 1 1-11 0 5.5 5.5 0 0 1 11 0ZM14.6 14.6 20 20',
  left: 'M14.5 5.5 8 12l6.5 6.5',
  right: 'M9.5 5.5 16 12l-6.5 6.5',
  pencil: 'M4 20l1-4L16 5l3 3L8 19l-4 1Z',
  lock: 'M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3',
  overview: 'M4 13h6V4H4v9ZM14 20h6v-9h-6v9ZM4 20h6v-3H4v3ZM14 4v3h6V4h-6Z',
  config: 'M6 3.5h8l4.5 4.5v12.5H6v-17ZM14 3.5V8h4.5M9 12.5h6M9 16h4',
  settings: 'M4 7h9M17 7h3M4 17h3M11 17h9M15 4.8v4.4M9 14.8v4.4M4 12h12',
  rule: 'M3.5 12H8l5-6.5h7.5M8 12l5 6.5h7.5M17.5 2.5l3 3-3 3M17.5 15.5l3 3-3 3',
  bell: 'M6.5 17v-6a5.5 5.5 0 0 1 11 0v6l1.5 1.5H5L6.5 17ZM10 21h4',
  book: 'M5 4.5h6a2 2 0 0 1 2 2V20a2 2 0 0 0-2-2H5V4.5ZM19 4.5h-4a2 2 0 0 0-2 2V20a2 2 0 0 1 2-2h4V4.5Z',
  download: 'M12 4v11M7.5 11 12 15.5 16.5 11M5 20h14',
  upload: 'M12 16V5M7.5 9 12 4.5 16.5 9M5 20h14',
  theme: 'M20 12a8 8 0 1 1-16 0 8 8 0 0 1 16 0ZM12 4v16M12 8a4 4 0 0 1 0 8',
  logout: 'M10 4.5H5v15h5M10 12h10M16 8l4 4-4 4',
  plus: 'M12 5v14M5 12h14',
  minus: 'M5 12h14',
  trend: 'M4 4.5v15h16M7.5 15l4-5 3.5 3 4.5-6',
  undo: 'M9 6 4.5 10.5 9 15M4.5 10.5H15a4.5 4.5 0 0 1 0 9h-4',
  play: 'M7.5 5v14l11-7-11-7Z',
} as const

export type IconName = keyof typeof shapes

export function Icon({ name, className }: { name: IconName; className?: string }) {
  return (
    <svg
      className={className === undefined ? 'icon' : `icon ${className}`}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.9"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={shapes[name]} />
    </svg>
  )
}
