/** The example an empty edge starts from: one simulated device, so that it works without any hardware. */
export function starter(edge: string): string {
  const name = /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(edge) ? edge : 'edge-1'
  return `# A first configuration: one simulated device.
# Change it, review what will happen, apply. Nothing is lost: every revision can be brought back.
version: 1
edge:
  name: ${name}
devices:
  - name: demo
    description: Simulated device to try things out
    driver: sim
    settings: {}
    groups:
      - name: fast
        interval: 1s
        tags:
          - { name: temperature, address: "ramp:20..80", type: float64, unit: "°C", description: "Rises for a minute, then starts again" }
          - { name: wave, address: "sine:30s", type: float64, description: "A wave between -1 and 1" }
          - { name: speed_setpoint, address: "setpoint:speed", type: float64, unit: rpm, access: read_write, range: [0, 3000], description: Try to write to it }
      - name: slow
        interval: 10s
        tags:
          - { name: reads, address: counter, type: uint64, description: Reads answered since the link opened }
`
}
