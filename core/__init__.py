"""What everything else speaks in; knows no business."""
