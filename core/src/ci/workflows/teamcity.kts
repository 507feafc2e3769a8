// Runs only the tests that a change can break. `affected` must be on the agents. `ci verdict` compares the plan
// with what was really run, so a build that ended early cannot pass for a green one.
import jetbrains.buildServer.configs.kotlin.*
import jetbrains.buildServer.configs.kotlin.buildSteps.script
import jetbrains.buildServer.configs.kotlin.triggers.vcs

version = "2024.03"

project {
    buildType(Affected)
}

object Affected : BuildType({
    name = "affected"
    artifactRules = "affected/*.json => affected"
    vcs {
        root(DslContext.settingsRoot)
    }
    steps {
        script {
            name = "plan"
            scriptContent = "affected ci plan --shards 1 --out affected/plan.json"
        }
        script {
            name = "test"
            scriptContent = "affected test --plan affected/plan.json --report affected/report.json"
        }
        script {
            name = "verdict"
            executionMode = BuildStep.ExecutionMode.ALWAYS
            scriptContent = "affected ci verdict --plan affected/plan.json affected/report.json"
        }
    }
    triggers {
        vcs {
        }
    }
})
