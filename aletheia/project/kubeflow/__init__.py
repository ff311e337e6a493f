"""The workflow as a pipeline of Kubeflow: recorded here, compiled by MLRun in an environment that has the compiler."""
