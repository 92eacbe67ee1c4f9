"""HTTP: the extraction API, the Label Studio ML backend and the demo page. No torch."""
