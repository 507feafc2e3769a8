// Runs the test files of every package of a repository, each in a thread of its own, and prints how each ended.
const fs = require('fs')
const path = require('path')
const { Worker } = require('worker_threads')

const root = process.argv[1]
const start = `
const { workerData } = require('worker_threads')
require(workerData.setup)
require(workerData.test)
`

function run (project, file) {
  const folder = path.join(root, project)
  const workerData = { setup: path.join(folder, 'setup.js'), test: path.join(folder, file) }
  return new Promise(resolve => {
    let failed = false
    const worker = new Worker(start, { eval: true, workerData, stdout: true, stderr: true })
    worker.on('error', () => { failed = true })
    worker.on('exit', code => resolve(!failed && code === 0))
  })
}

async function main () {
  for (const project of fs.readdirSync(root).sort()) {
    const folder = path.join(root, project)
    if (!fs.existsSync(path.join(folder, 'package.json')) || !fs.existsSync(path.join(folder, 'test'))) continue
    if (!fs.readFileSync(path.join(folder, 'package.json'), 'utf8').includes('node --test')) continue
    for (const name of fs.readdirSync(path.join(folder, 'test')).sort()) {
      if (!name.endsWith('.js')) continue
      const passed = await run(project, 'test/' + name)
      console.log([project, 'test/' + name, passed ? 'passed' : 'failed'].join('\t'))
    }
  }
}

main()
