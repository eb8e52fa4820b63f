// Numbers as people write them in a line of a report.

/** 1,536 as 1.5 KB. */
export function shortBytes(bytes: number): string {
  const units = ['bytes', 'KB', 'MB', 'GB']
  let [value, unit] = [bytes, 0]
  while (value >= 1024 && unit < units.length - 1) [value, unit] = [value / 1024, unit + 1]
  return `${unit === 0 ? value : value.toPrecision(3)} ${units[unit] ?? ''}`
}

/** 95 minutes as 1 h 35 min. */
export function duration(minutes: number): string {
  const [hours, rest] = [Math.floor(minutes / 60), Math.round(minutes % 60)]
  return hours === 0 ? `${rest} min` : rest === 0 ? `${hours} h` : `${hours} h ${rest} min`
}
