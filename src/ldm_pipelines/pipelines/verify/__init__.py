"""``kedro run --pipelines=verify``"""
